"""What stands still of this installation: processes that do not run or wait, and tables that do not follow."""
