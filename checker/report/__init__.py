"""How results are shown: text for people (`proof_text`, `settings_table`, `check_text`), versioned JSON for machines (`as_json`)."""
