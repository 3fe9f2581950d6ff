"""``lorafair translations score``: WinoMT's numbers for a file of translations, without a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.command("score")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--language", required=True, metavar="CODE", help="Of the translations: es fr it de ru uk he ar.")
@click.option("--data", "dataset", default="winomt", show_default=True, help="The English sentences.")
@click.option("--format", "form", type=click.Choice(["terminal", "json"]), default="terminal", show_default=True)
@click.option("--rows", type=click.Path(path_type=Path), help="Write what was read in each sentence here, as .jsonl.")
def score(file: Path, language: str, dataset: str, form: str, rows: Path | None) -> None:
    """The gender that translations in FILE give to the people of WinoMT's sentences, against the right one.

    FILE has one `English sentence ||| translation` a line. All numbers are percentages; what is left out is counted.
    """
    from lorafair.errors import LorafairError
    from lorafair.translation.score import score_translations

    summary, found = score_translations(file, language, dataset)
    if rows is not None:
        try:
            lines = [json.dumps(row, ensure_ascii=False) for row in found]
            rows.write_text("\n".join(lines) + "\n", encoding="utf-8")
        except OSError as error:
            raise LorafairError(f"--rows {rows} cannot be written ({error.strerror}).") from error
    click.echo(json.dumps(summary, indent=2) if form == "json" else _tell(summary))


def _tell(found: dict[str, Any]) -> str:
    from lorafair.translation.fault import FAULTS

    def show(key: str, *, signed: bool = False) -> str:
        value = found[key]
        return "not known" if value is None else f"{value:+.1f}" if signed else f"{value:.1f}"

    lines = [
        f"{found['n']} sentences, {found['language']}; numbers in percent",
        f"  accuracy   {show('acc')}",
        f"  F1         male {show('f1_male')}, female {show('f1_female')}; delta G {show('delta_g', signed=True)}",
        f"  accuracy   pro-stereotypical {show('acc_pro')}, anti-stereotypical {show('acc_anti')}; "
        f"delta S {show('delta_s', signed=True)}",
        f"  found      no gender shown {show('neutral')}, unknown {show('unknown')}; "
        f"person recognised {show('recognised')}",
        *(
            f"  gold {gold + ':':<9}" + ", ".join(f"{many} {answer}" for answer, many in row.items())
            for gold, row in found["found"].items()
        ),
    ]
    lines += [f"unknown because: {FAULTS[name]} ({many})" for name, many in found["faults"].items() if many]
    lines += [f"{EXCLUDED[name]}: {many}" for name, many in found["excluded"].items() if many]
    if found["cut"]:
        lines.append(f"translations read in part, being far longer than their sentence: {found['cut']}")
    if found["data"]["sample"]:
        lines.append("sample data: the project's own sentences, no substitute for WinoMT")
    return "\n".join(lines)


EXCLUDED = {
    "missing": "sentences of the data without a line in the file, left out",
    "unknown_source": "lines whose sentence is not in the data, left out",
    "repeated": "lines that repeat a sentence, left out (the first counts)",
    "no_separator": "lines without |||, left out",
}
