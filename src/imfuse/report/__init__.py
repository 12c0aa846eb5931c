"""Tables, charts and self-contained HTML pages of what was fused and scored."""
