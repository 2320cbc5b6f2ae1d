"""The code behind a result: its digest, for keys, and its version, for records."""
