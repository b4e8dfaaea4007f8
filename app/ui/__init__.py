"""What pages share: charts, pickers, session-state keys, messages."""
