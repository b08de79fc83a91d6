"""The outside checker is checked: a clean log is found clean, and whatever is broken is named."""
