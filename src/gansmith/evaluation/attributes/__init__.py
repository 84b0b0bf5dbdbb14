"""Attributes of samples, such as glasses or a smile: classifiers, shares of samples, and directions in latent space."""
