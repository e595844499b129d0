"""The stages of the pipeline, one file each: functions from frozen input to frozen output."""
