"""Methods side by side on the same pairs: quality by several protocols, tricks, speed, memory."""
