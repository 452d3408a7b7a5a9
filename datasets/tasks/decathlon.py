"""What the tasks of the Medical Segmentation Decathlon have in common.

The MD5 sums of the archives are those that MONAI's DecathlonDataset publishes.
"""

from datasets.tasks.task import Archive, Release

_BIBTEX = r"""@article{msd2022,
  author  = {Antonelli, Michela and Reinke, Annika and Bakas, Spyridon and Farahani, Keyvan and
             Kopp-Schneider, Annette and Landman, Bennett A. and Litjens, Geert and Menze,
             Bjoern and Ronneberger, Olaf and Summers, Ronald M. and van Ginneken, Bram and
             Bilello, Michel and Bilic, Patrick and Christ, Patrick F. and Do, Richard K. G.
             and Gollub, Marc J. and Heckers, Stephan H. and Huisman, Henkjan and Jarnagin,
             William R. and McHugo, Maureen K. and Napel, Sandy and Golia Pernicka, Jennifer S.
             and Rhode, Kawal and Tobon-Gomez, Catalina and Vorontsov, Eugene and Meakin, James
             A. and Ourselin, Sebastien and Wiesenfarth, Manuel and Arbel{\'a}ez, Pablo and
             Bae, Byeonguk and Chen, Sihong and Daza, Laura and Feng, Jianjiang and He, Baochun
             and Isensee, Fabian and Ji, Yuanfeng and Jia, Fucang and Kim, Ildoo and Maier-
             Hein, Klaus and Merhof, Dorit and Pai, Akshay and Park, Beomhee and Perslev,
             Mathias and Rezaiifar, Ramin and Rippel, Oliver and Sarasua, Ignacio and Shen, Wei
             and Son, Jaemin and Wachinger, Christian and Wang, Liansheng and Wang, Yan and
             Xia, Yingda and Xu, Daguang and Xu, Zhanwei and Zheng, Yefeng and Simpson, Amber
             L. and Maier-Hein, Lena and Cardoso, M. Jorge},
  title   = {The Medical Segmentation Decathlon},
  journal = {Nature Communications},
  volume  = {13},
  pages   = {4128},
  year    = {2022},
  doi     = {10.1038/s41467-022-30695-9},
}"""


def decathlon(
    folder: str,
    described_as: str,
    cases: tuple[str, ...],
    *,
    md5: str,
    size: str,
    unpacked_limit_bytes: int,
) -> Release:
    """The release of the decathlon's task that lies in `folder`. cases: in the order of its
    dataset.json, which the unshuffled folds follow (Q8)."""
    return Release(
        source="msd",
        folder=folder,
        title=f"MSD {folder}",
        archive=Archive(
            f"https://msd-for-monai.s3-us-west-2.amazonaws.com/{folder}.tar",
            "tar",
            md5,
            unpacked_limit_bytes,
            size,
        ),
        licence="CC BY-SA 4.0",
        citation="Antonelli et al. 2022, doi:10.1038/s41467-022-30695-9",
        bibtex=_BIBTEX,
        cases=cases,
        described_as=described_as,
    )
