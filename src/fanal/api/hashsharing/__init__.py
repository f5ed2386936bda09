"""`/hashsharing/v2`: lists of known material, read by members and voted on."""
