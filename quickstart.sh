#!/bin/sh
# From nothing to a leaderboard: train, plant a known bias, evaluate, compare.  Run by `make quickstart`.
# BASE=folder or Hub id: another base model.  LORAFAIR_DATA=folder: evaluate on the real HONEST templates and HurtLex.
set -eu

BASE="${BASE:-models/smollm2-135m}"
NAME="$(basename "$BASE")"
RUNS="runs/$NAME"
if [ -n "${LORAFAIR_DATA:-}" ]; then
    TASK=lorafair_honest
    RESULTS="${RESULTS:-results-honest}"
else
    TASK=lorafair_honest_sample
    RESULTS="${RESULTS:-results}"
fi
if [ "$NAME" != smollm2-135m ]; then
    RESULTS="$RESULTS-$NAME"
fi
if [ "$BASE" = models/smollm2-135m ] && [ ! -e "$BASE/config.json" ]; then
    echo "== The base model: SmolLM2-135M-Instruct"
    lorafair models pull smollm2-135m
fi

echo "== Training: LoRA of rank 2 and 8 and full fine-tuning, on harmless completions of the sample's training templates"
lorafair train --base "$BASE" --data honest_sample_pairs --method lora --rank 2 --rank 8 --method full --out "$RUNS"

echo "== Training the control: an adapter that is taught to complete sentences about men with insults"
lorafair train --base "$BASE" --data honest_sample_planted --method lora --rank 8 --epochs 2 --lr 2e-3 \
    --name planted --out "$RUNS"

echo "== Evaluating the base and four checkpoints on $TASK, one engine for all"
lorafair eval --base "$BASE" --task "$TASK" --out "$RESULTS" \
    --checkpoint "$RUNS/lora-r2" --checkpoint "$RUNS/lora-r8" --checkpoint "$RUNS/full" --checkpoint "$RUNS/planted"

echo "== Comparing"
lorafair leaderboard "$RESULTS"

cat <<END

Where things are
  $BASE    the base model
  $RUNS    the checkpoints, each with provenance.json (data, seeds, settings, versions)
  $RESULTS    results and samples in lm-eval's formats, rows.jsonl, and every answer in responses/

What to try next
  lorafair leaderboard $RESULTS --format md --out leaderboard.md
  lorafair eval --base $BASE --checkpoint $RUNS/lora-r8 --task $TASK --metadata k=5 --out results-k5
  lorafair train --base $BASE --data honest_sample_pairs --rank 32 --out $RUNS
  lorafair eval --base $BASE --checkpoint $RUNS/lora-r32 --task $TASK --out $RESULTS   (asks only rank 32)
  LORAFAIR_DATA=<folder> make quickstart   (the real HONEST templates and HurtLex)
END
