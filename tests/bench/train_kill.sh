#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 200 steps uninterrupted, and with five SIGKILLs at random moments: the weights must be the same bytes.
set -u
cli=${1:?usage: train_kill.sh MOESCOPE-CLI DATA-FOLDER} data=$(realpath "${2:?a picture set with classes, as moescope-cli dataset emoji makes}"); w=$(mktemp -d); 
cat > $w/r.yaml <<'Y'
name: kill
model: {family: JiTMoE, image_size: 32, patch: 4, width: 64, depth: 4, heads: 4, bottleneck: 16, context_tokens: 4, context_start: 1}
experts: {count: 8, top_k: 2, width: 32}
training: {steps: 200, batch: 16, rate: 0.001, averages: [0.99], warmup: 10}
saving: {minutes: 0.01}
samples: {every: 0}
Y
$cli train $w/r.yaml --data $data -o $w/whole -t 1 >/dev/null 2>&1 || exit 1
kills=0
while :; do
  $cli train $w/r.yaml --data $data -o $w/parts --resume -t 1 > $w/log 2>&1 & p=$!
  if [ $kills -lt 5 ]; then
    sleep $(awk -v s=$RANDOM 'BEGIN{print 0.5 + 1.2*(s%1000)/1000}')
    if kill -9 $p 2>/dev/null; then kills=$((kills+1)); wait $p 2>/dev/null; echo "killed $kills at $(tail -1 $w/parts/metrics.jsonl 2>/dev/null | grep -o '"step":[0-9]*')"; continue; fi
  fi
  wait $p; break
done
cmp $w/whole/checkpoints/00000200.safetensors $w/parts/checkpoints/00000200.safetensors && echo "same bytes after $kills kills"
ls $w/parts; rm -rf $w
