#!/usr/bin/env bash
# corpora.sh: prints "NAME VERSION FOLDER" of the code bases of others that cf is
# measured on, each of over 50,000 lines, and gets those that are missing: modules of
# Go, source distributions of Python and source packages of Debian, by the ordinary
# clients, at pinned versions with pinned checksums. They lie in a cache outside of the
# tree; nothing is installed and nothing of them runs here.
set -euo pipefail

own=${CF_TEST_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/cf-test}/corpora
mkdir -p "$own"

# into NAME COMMAND...: runs the command in an empty folder that becomes $own/NAME.
into() {
  local name=$1 work
  shift
  [ -d "$own/$name" ] && return
  work=$(mktemp -d "$own/work.XXXXXX")
  chmod 755 "$work"
  if ! (cd "$work" && "$@") >&2; then
    chmod -R u+w "$work" && rm -rf "$work"
    echo "corpora.sh: $name could not be had" >&2
    exit 1
  fi
  mv "$work" "$own/$name"
}

# go_module MODULE VERSION SUM
go_module() {
  local told dir
  told=$(GOFLAGS=-mod=mod go mod download -json "$1@$2")
  case $told in *"\"Sum\": \"$3\""*) ;; *) echo "corpora.sh: $1@$2 has another checksum than $3"; return 1 ;; esac
  dir=$(sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' <<<"$told")
  cp -R "$dir/." . && chmod -R u+w .
}

# python_source NAME VERSION SHA256
python_source() {
  echo "$1==$2 --hash=sha256:$3" >requirements
  python3 -m pip download --quiet --no-deps --no-binary "$1" --require-hashes -r requirements
  tar -xzf ./*.tar.gz --strip-components=1
  rm requirements ./*.tar.gz
}

# debian_source NAME VERSION SHA256-OF-ORIG: from the archive that apt knows already;
# its lists of sources are kept here, the system's stay as they are.
debian_source() {
  local apt=$PWD/apt file
  mkdir -p "$apt"/{parts,lists/partial,cache/archives/partial}
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
    [ -f "$file" ] && sed 's/^Types: deb$/Types: deb-src/; s/^deb /deb-src /' "$file" >"$apt/parts/$(basename "$file")"
  done
  local options=(-qq -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$apt/parts" -o "Dir::State::Lists=$apt/lists"
    -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update
  apt-get "${options[@]}" source --download-only "$1=$2"
  echo "$3  $(echo ./*.orig.tar.xz)" | sha256sum --check --quiet
  tar -xJf ./*.orig.tar.xz --strip-components=1
  rm -rf "$apt" ./*.orig.tar.xz ./*.dsc ./*.debian.tar.xz
}

# corpus NAME VERSION COMMAND...
corpus() {
  local name=$1 version=$2
  shift 2
  into "$name-$version" "$@"
  echo "$name $version $own/$name-$version"
}

corpus cortex v1.21.1 go_module github.com/cortexproject/cortex v1.21.1 h1:UvP5UCub39HI57hhhugsAYlm2N9J3LlJtiuj0UKOq8U=
corpus airflow 2.10.4 python_source apache-airflow 2.10.4 10ebf8b95c59ba229f06235665e92cc684577861cfd1e96bdbe3d3eb7cb5779a
corpus elixir 1.14.0 debian_source elixir-lang 1.14.0.dfsg-2 3dfa724f36b90d1bc41b9626a8ea0c293255c3a21a4d608c576ce39e2a23e5c9
corpus loki v3.7.8 go_module github.com/grafana/loki/v3 v3.7.8 h1:bJ0WFWVOjgvG/jYmT9fIX15SYXXDwuEu/IMgTwMA97U=
corpus seaweedfs 7506e5f91cd6 go_module github.com/seaweedfs/seaweedfs v0.0.0-20261109003541-7506e5f91cd6 h1:LOYZFToHq9F7pSR6lkPGfkM8RmHlVFrzndKdhmNZjrU=
corpus synapse 1.120.0 python_source matrix-synapse 1.120.0 ce6a0715e063e44f0940e5718cbcf0c856be6e00c006e278c4304019477b46f8
corpus litellm 1.55.0 python_source litellm 1.55.0 d33dfabb7aa6f18294c43f20429d7d962b48104a0c2ddce08df7370029ac4780
