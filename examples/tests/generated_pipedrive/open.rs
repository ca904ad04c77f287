//! Questions that the vendor's documents leave open.
