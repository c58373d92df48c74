"""What is run from a command line. The library below does not import anything from here."""
