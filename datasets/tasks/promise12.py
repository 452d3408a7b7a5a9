"""PROMISE12: T2-weighted MRI of the whole prostate, of a challenge (Litjens et al. 2014).

No release of the program: the challenge asks for a registration. `data prepare promise12` makes the
copy that the published records used out of the challenge's own training files.
"""

from datasets.tasks.task import OtherImages

_NUMBERS = (
    "00 01 02 03 05 06 07 08 10 11 12 13 15 16 17 18 20 21 22 23 25 26 27 28 30 31 32 33 35 36 37"
    " 38 40 41 42 43 45 46 47 48"
)
_BIBTEX = r"""@article{promise12,
  author  = {Litjens, Geert and Toth, Robert and van de Ven, Wendy and Hoeks, Caroline and
             Kerkstra, Sjoerd and van Ginneken, Bram and Vincent, Graham and Guillard, Gwenael and
             Birbeck, Neil and Zhang, Jindang and Strand, Robin and Malmberg, Filip and
             Ou, Yangming and Davatzikos, Christos and Kirschner, Matthias and Jung, Florian and
             Yuan, Jing and Qiu, Wu and Gao, Qinquan and Edwards, Philip Eddie and Maan, Bianca and
             van der Heijden, Ferdinand and Ghose, Soumya and Mitra, Jhimli and Dowling, Jason and
             Barratt, Dean and Huisman, Henkjan and Madabhushi, Anant},
  title   = {Evaluation of prostate segmentation algorithms for {MRI}: the {PROMISE12} challenge},
  journal = {Medical Image Analysis},
  volume  = {18},
  number  = {2},
  pages   = {359--373},
  year    = {2014},
  doi     = {10.1016/j.media.2013.12.002},
}"""

PROMISE12 = OtherImages(
    name="promise12",
    title="PROMISE12 (resampled to 128x128x32)",
    address="https://promise12.grand-challenge.org (files: https://zenodo.org/records/8026660)",
    licence="research use, by the challenge's terms",
    bibtex=_BIBTEX,
    cases={f"promise12_{number}": f"Case{number}" for number in _NUMBERS.split()},
    shape=(128, 128, 32),
    modality="MRI",
    label="prostate",
)
