"""What every package may use: errors, files, results, drawing."""
