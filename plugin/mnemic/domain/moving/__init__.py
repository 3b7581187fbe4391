"""What other memories hold: from the contents of their files to records. No file or database is opened here."""
