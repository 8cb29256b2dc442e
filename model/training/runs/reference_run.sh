#!/usr/bin/env bash
# The whole of VITA-Audio's training in small: speech is synthesized, four stages are trained, the
# result is talked to. Two CPU cores take about a quarter of an hour.
#
#   bash model/training/runs/reference_run.sh [OUT]
#
# OUT is out/tiny unless named. Stopped at any point, the same command goes on where it was. Packages
# and voices are fetched by the launcher first; with PYTHON set, that interpreter is taken as it is.
set -euo pipefail
cd "$(dirname "$0")/../../.."

out=${1:-out/tiny}
recipe=model/training/configurations/tiny.toml
if [ -z "${PYTHON:-}" ]; then
    python3 packaging/launch.py --speech-lm models list
    PYTHON=.venv/bin/python
fi
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(getconf _NPROCESSORS_ONLN)}
export ACCELERATE_USE_CPU=${ACCELERATE_USE_CPU:-true}

# Speech tokenizer and decoder of a few megabytes, with random weights: their codes mean nothing,
# but the same sounds give the same codes.
if [ ! -d "$out/parts/glm-4-voice-decoder" ]; then
    "$PYTHON" -m tests.fakes.vita_checkpoints.tiny_model "$out/parts.new"
    mv "$out/parts.new" "$out/parts"
fi

"$PYTHON" -m app data synthesize model/training/runs/dialogues.jsonl "$out/data" --held-out 0.1
"$PYTHON" -m app data check "$out/data/mixture.toml" --quiet

train() { # STAGE NAME OF ITS SCRIPT, STAGE BEFORE
    "$PYTHON" -m "model.training.$1" --recipe "$recipe" --parts "$out/parts" \
        --data "$out/data/mixture.toml" --held-out "$out/data/held_out.toml" \
        --out "$out/$1" ${2:+--start "$out/$2"}
}
train stage1_alignment
train stage2_one_mctp stage1_alignment
train stage3_ten_mctp stage2_one_mctp
train stage4_fine_tuning stage3_ten_mctp

"$PYTHON" -m model.training.curves "$out" | tee "$out/report.md"
question=$(find "$out/data/audio" -name '*.flac' | sort | head -n 1)
"$PYTHON" -m app answer "$question" --model "$out/stage4_fine_tuning" -o "$out/answer.wav"
echo "Talk to it: parley models add $out/stage4_fine_tuning"
