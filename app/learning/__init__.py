"""Pure: arrays in, arrays out. No files, clock, database or printing, and no import of the rest of app."""
