"""Networks: transformers, U-Nets and encoders, and how FDP and mixtures of experts join them."""
