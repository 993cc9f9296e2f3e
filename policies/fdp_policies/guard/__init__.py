"""A residual that steps aside: where the secondary senses cannot be trusted, a chunk of actions is the base's.

Two signals are measured for each chunk:

- the *contribution*, the norm of the composition's minus the base's noise prediction at the first denoising step;
- the *distance*, Mahalanobis, of the secondary senses' features from those of clean episodes (Lee et al. 2018,
  arXiv 1807.03888).

If both exceed their thresholds, the row's residual is left out from the first denoising step on (`sampling`). A jointly
conditioned policy with a base beside it has the distance only. Thresholds come from clean episodes by split conformal
prediction (Vovk et al. 2005; `conformal`), so that at most one clean episode in twenty has such a chunk.
"""
