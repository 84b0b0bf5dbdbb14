"""Metrics: functions from features [N, F] of real and generated samples to numbers, each with its paper."""
