#!/usr/bin/env bash
# record-replies.sh MODEL [TOKENS]: puts every case of testdata/replies/cases to
# a model of the server at OLLAMA_HOST, in the engine's own words, and keeps each
# reply byte for byte in testdata/replies/real. What is there is not asked again.
# The new entries have no verdict: `go test ./engine -run TestReplies -update`
# writes it, and somebody must read it.
set -euo pipefail

model=${1:?usage: record-replies.sh MODEL [TOKENS]}
: "${OLLAMA_HOST:?names no model server}"
url=$OLLAMA_HOST
[[ $url == http* ]] || url=http://$url
cd "$(dirname "$0")/.."
go test ./engine -timeout 0 -count 1 -v -run 'TestRecordReplies$' -record "$url" -record.model "$model" -record.tokens "${2:-220}"
