token = "TOKEN"
