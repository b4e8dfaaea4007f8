"""The Explore data page: browse a data set, clean it up, import one."""
