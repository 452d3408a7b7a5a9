"""Files of images and masks: NIfTI, PNG and the like."""
