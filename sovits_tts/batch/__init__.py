"""Many texts into as many sound files: `read_lines`, `check_lines`, `speak_lines`."""
