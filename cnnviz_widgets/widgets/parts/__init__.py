"""The parts of an explorer: pickers, panels and views, each of which knows the session and no other part."""
