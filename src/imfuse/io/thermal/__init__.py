"""Files of thermal cameras: their counts, what turns counts into temperatures, other pictures."""
