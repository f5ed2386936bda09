"""The linkage model: comparisons, blocking rules, and the trained file.

The conditions use only functions that DuckDB and Spark share, so that both compute the same model.
"""

import json
from importlib import resources

from splink import SettingsCreator

MODEL_FILE = "linkage.json"
_MET_BY = ("email", "mail_name", "handle", "stem", "phone", "name", "device", "account")
_Level = dict[str, str | bool]


def untrained() -> SettingsCreator:
    """Return Splink's settings without trained parameters: comparisons and blocking rules."""
    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="unique_id",
        additional_columns_to_retain=["report"],
        retain_intermediate_calculation_columns=True,
        retain_matching_columns=False,
        comparisons=[
            _comparison(
                "email",
                _exact("email"),
                ("same name", "mail_name_l = mail_name_r"),
                ("one letter", _near("mail_name", 1, 8)),
            ),
            _comparison(
                "handle",
                _exact("handle"),
                ("same stem", "stem_l = stem_r"),
                ("one letter", _near("stem", 1, 8)),
            ),
            _comparison("phone", _exact("phone"), ("one digit", _near("phone", 1, 9))),
            _comparison("name", _exact("name"), ("two letters", _near("name", 2, 9))),
            *(_comparison(c, _exact(c)) for c in ("birth", "device", "account", "postcode")),
        ],
        blocking_rules_to_generate_predictions=[
            {"blocking_rule": rule, "sql_dialect": "duckdb"}
            for rule in (
                *(f"l.{c} = r.{c}" for c in _MET_BY),
                "substr(l.phone, 1, 9) = substr(r.phone, 1, 9)",
                "substr(l.stem, 1, 6) = substr(r.stem, 1, 6)",
                "substr(l.mail_name, 1, 8) = substr(r.mail_name, 1, 8)",
            )
        ],
    )


def load() -> dict[str, object]:
    """Return the shipped model, as settings for Splink."""
    path = resources.files("fanal.crosscheck").joinpath("data", MODEL_FILE)
    stored: dict[str, dict[str, object]] = json.loads(path.read_text("utf-8"))
    return stored["model"]


def version() -> str:
    """Return the version of the shipped model."""
    path = resources.files("fanal.crosscheck").joinpath("data", MODEL_FILE)
    stored: dict[str, str] = json.loads(path.read_text("utf-8"))
    return stored["version"]


def _exact(column: str) -> tuple[str, str]:
    return "exact", f"{column}_l = {column}_r"


def _near(column: str, most: int, least: int) -> str:
    return f"length({column}_l) >= {least} AND levenshtein({column}_l, {column}_r) <= {most}"


def _comparison(column: str, *levels: tuple[str, str]) -> dict[str, object]:
    null: _Level = {
        "sql_condition": f"{column}_l IS NULL OR {column}_r IS NULL",
        "label_for_charts": "absent",
        "is_null_level": True,
    }
    other: _Level = {"sql_condition": "ELSE", "label_for_charts": "differs"}
    told: list[_Level] = [
        {"sql_condition": condition, "label_for_charts": label} for label, condition in levels
    ]
    return {"output_column_name": column, "comparison_levels": [null, *told, other]}
