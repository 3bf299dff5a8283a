"""What the methods paragraph cites."""

from __future__ import annotations

BIBTEX = """@inproceedings{feather2025,
  author = {Feather, Jenelle and Lipshutz, David and Harvey, Sarah E. and Williams, Alex H. and
            Simoncelli, Eero P.},
  title = {Discriminating image representations with principal distortions},
  booktitle = {International Conference on Learning Representations},
  year = {2025},
  note = {arXiv:2410.15433},
}
@inproceedings{berardino2017,
  author = {Berardino, Alexander and Ball{\\'e}, Johannes and Laparra, Valero and
            Simoncelli, Eero P.},
  title = {Eigen-distortions of hierarchical representations},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {30},
  year = {2017},
  note = {arXiv:1710.02266},
}
@article{berger1982,
  author = {Berger, Roger L.},
  title = {Multiparameter hypothesis testing and acceptance sampling},
  journal = {Technometrics},
  volume = {24},
  number = {4},
  pages = {295--300},
  year = {1982},
}
@article{dersimonian1986,
  author = {DerSimonian, Rebecca and Laird, Nan},
  title = {Meta-analysis in clinical trials},
  journal = {Controlled Clinical Trials},
  volume = {7},
  number = {3},
  pages = {177--188},
  year = {1986},
}
@article{nili2014,
  author = {Nili, Hamed and Wingfield, Cai and Walther, Alexander and Su, Li and
            Marslen-Wilson, William and Kriegeskorte, Nikolaus},
  title = {A toolbox for representational similarity analysis},
  journal = {PLoS Computational Biology},
  volume = {10},
  number = {4},
  pages = {e1003553},
  year = {2014},
}"""
"""What every methods paragraph cites."""
PLACED = {
    "adaptive": (
        "each where the answer was expected to tell most about the threshold (Kontsevich & Tyler "
        "1999)",
        """@article{kontsevich1999,
  author = {Kontsevich, Leonid L. and Tyler, Christopher W.},
  title = {Bayesian adaptive estimation of psychometric slope and threshold},
  journal = {Vision Research},
  volume = {39},
  number = {16},
  pages = {2729--2737},
  year = {1999},
}""",
    ),
    "staircase": (
        "by staircases (Levitt 1971)",
        """@article{levitt1971,
  author = {Levitt, Harry},
  title = {Transformed up-down methods in psychoacoustics},
  journal = {Journal of the Acoustical Society of America},
  volume = {49},
  number = {2B},
  pages = {467--477},
  year = {1971},
}""",
    ),
    "constant": ("by the method of constant stimuli", ""),
}
"""How each method places amplitudes, and BibTeX of what that cites."""
