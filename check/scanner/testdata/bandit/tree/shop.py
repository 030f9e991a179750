import hashlib
import pickle
import subprocess
import tempfile

import yaml


def load(data, name):
    subprocess.call(name, shell=True)
    pickle.loads(data)
    yaml.load(data)
    hashlib.md5(data)
    tempfile.mktemp()
    eval(name)
