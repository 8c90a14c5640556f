"""An audit as a French page and as tables in the terminal. Measures nothing."""
