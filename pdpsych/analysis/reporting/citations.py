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
_HACKER = """@article{hacker1979,
  author = {Hacker, Michael J. and Ratcliff, Roger},
  title = {A revised table of d' for {M}-alternative forced choice},
  journal = {Perception \\& Psychophysics},
  volume = {26},
  number = {2},
  pages = {168--170},
  year = {1979},
}"""
_CHOICE = (
    "P(correct) = 2λ/{m} + (1 − 2λ)∫φ(x − d′)Φ(x)^{power} dx, that of {m} alternatives (Hacker & "
    "Ratcliff 1979),"
)
RELATED = {
    "3afc": (_CHOICE.format(m=3, power=2), _HACKER),
    "4afc": (_CHOICE.format(m=4, power=3), _HACKER),
    "oddity": (
        "P(correct) = 2λ/3 + (1 − 2λ)F(d′), F that of an unbiased observer who chooses the one of "
        "three that is least like the others (Frijters 1979),",
        """@article{frijters1979,
  author = {Frijters, Jan E. R.},
  title = {Variations of the triangular method and the relationship of its unidimensional
           probabilistic models to three-alternative forced-choice signal detection theory models},
  journal = {British Journal of Mathematical and Statistical Psychology},
  volume = {32},
  number = {2},
  pages = {229--241},
  year = {1979},
}""",
    ),
}
"""How answers of each task measured elsewhere depend on d′, and BibTeX of what that cites."""
