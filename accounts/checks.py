"""System checks of the settings that name functions of other apps."""
