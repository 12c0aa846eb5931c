"""Compare methods on the same pairs: quality under several protocols, tricks, speed, memory."""
