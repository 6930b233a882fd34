"""A folder of JSON files as a PSA: `desk.json` for who and what exists, one file in `tickets/` for each ticket."""

from psa_copilot_json_folder.connector import JsonFolder

__all__ = ["JsonFolder"]
