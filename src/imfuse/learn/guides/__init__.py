"""What steers training besides the pictures: segmenters, whose losses reach the fusion network."""
