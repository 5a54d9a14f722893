"""Names and kinds of the EXIF tags that are told (CIPA DC-008-2023, EXIF 3.0; TIFF 6.0).

Left out on purpose: where things lie in the file, thumbnails, maker notes and other blobs.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

EXIF_IFD, GPS_IFD = 0x8769, 0x8825
BITS_PER_SAMPLE, ORIENTATION = 0x0102, 0x0112
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
XMP, IPTC = 0x02BC, 0x83BB


class Kind(enum.Enum):
    """How a tag's bytes are read, whatever type the file claims."""

    TEXT = "text"
    NUMBERS = "numbers"
    DATE = "date"
    VERSION = "four digits"
    CODES = "undefined bytes that are small numbers"
    COMMENT = "text behind a character code"
    UTF16 = "text as Windows writes it"


def _of(kind: Kind, tags: Iterable[tuple[int, str]]) -> dict[int, tuple[str, Kind]]:
    return {tag: (name, kind) for tag, name in tags}


NAMES: dict[int, tuple[str, Kind]] = {
    **_of(
        Kind.TEXT,
        (
            (0x010D, "DocumentName"), (0x010E, "ImageDescription"), (0x010F, "Make"),
            (0x0110, "Model"), (0x0131, "Software"), (0x013B, "Artist"),
            (0x013C, "HostComputer"), (0x8298, "Copyright"), (0x8824, "SpectralSensitivity"),
            (0x9010, "OffsetTime"), (0x9011, "OffsetTimeOriginal"),
            (0x9012, "OffsetTimeDigitized"), (0x9290, "SubSecTime"),
            (0x9291, "SubSecTimeOriginal"), (0x9292, "SubSecTimeDigitized"),
            (0xA004, "RelatedSoundFile"), (0xA420, "ImageUniqueID"),
            (0xA430, "CameraOwnerName"), (0xA431, "BodySerialNumber"), (0xA433, "LensMake"),
            (0xA434, "LensModel"), (0xA435, "LensSerialNumber"), (0xA436, "ImageTitle"),
            (0xA437, "Photographer"), (0xA438, "ImageEditor"), (0xA439, "CameraFirmware"),
            (0xA43A, "RAWDevelopingSoftware"), (0xA43B, "ImageEditingSoftware"),
            (0xA43C, "MetadataEditingSoftware"),
        ),
    ),
    **_of(
        Kind.NUMBERS,
        (
            (0x0100, "ImageWidth"), (0x0101, "ImageLength"), (BITS_PER_SAMPLE, "BitsPerSample"),
            (0x0103, "Compression"), (0x0106, "PhotometricInterpretation"),
            (ORIENTATION, "Orientation"), (0x0115, "SamplesPerPixel"),
            (X_RESOLUTION, "XResolution"), (Y_RESOLUTION, "YResolution"),
            (0x011C, "PlanarConfiguration"), (RESOLUTION_UNIT, "ResolutionUnit"),
            (0x013E, "WhitePoint"), (0x013F, "PrimaryChromaticities"),
            (0x0211, "YCbCrCoefficients"), (0x0212, "YCbCrSubSampling"),
            (0x0213, "YCbCrPositioning"), (0x0214, "ReferenceBlackWhite"),
            (0x4746, "Rating"), (0x4749, "RatingPercent"), (0x829A, "ExposureTime"),
            (0x829D, "FNumber"), (0x8822, "ExposureProgram"),
            (0x8827, "PhotographicSensitivity"), (0x8830, "SensitivityType"),
            (0x8831, "StandardOutputSensitivity"), (0x8832, "RecommendedExposureIndex"),
            (0x8833, "ISOSpeed"), (0x8834, "ISOSpeedLatitudeyyy"),
            (0x8835, "ISOSpeedLatitudezzz"), (0x9102, "CompressedBitsPerPixel"),
            (0x9201, "ShutterSpeedValue"), (0x9202, "ApertureValue"),
            (0x9203, "BrightnessValue"), (0x9204, "ExposureBiasValue"),
            (0x9205, "MaxApertureValue"), (0x9206, "SubjectDistance"), (0x9207, "MeteringMode"),
            (0x9208, "LightSource"), (0x9209, "Flash"), (0x920A, "FocalLength"),
            (0x9214, "SubjectArea"), (0x9400, "Temperature"), (0x9401, "Humidity"),
            (0x9402, "Pressure"), (0x9403, "WaterDepth"), (0x9404, "Acceleration"),
            (0x9405, "CameraElevationAngle"), (0xA001, "ColorSpace"),
            (0xA002, "PixelXDimension"), (0xA003, "PixelYDimension"), (0xA20B, "FlashEnergy"),
            (0xA20E, "FocalPlaneXResolution"), (0xA20F, "FocalPlaneYResolution"),
            (0xA210, "FocalPlaneResolutionUnit"), (0xA214, "SubjectLocation"),
            (0xA215, "ExposureIndex"), (0xA217, "SensingMethod"), (0xA401, "CustomRendered"),
            (0xA402, "ExposureMode"), (0xA403, "WhiteBalance"), (0xA404, "DigitalZoomRatio"),
            (0xA405, "FocalLengthIn35mmFilm"), (0xA406, "SceneCaptureType"),
            (0xA407, "GainControl"), (0xA408, "Contrast"), (0xA409, "Saturation"),
            (0xA40A, "Sharpness"), (0xA40C, "SubjectDistanceRange"),
            (0xA432, "LensSpecification"), (0xA460, "CompositeImage"),
            (0xA461, "SourceImageNumberOfCompositeImage"), (0xA500, "Gamma"),
        ),
    ),
    **_of(
        Kind.DATE,
        ((0x0132, "DateTime"), (0x9003, "DateTimeOriginal"), (0x9004, "DateTimeDigitized")),
    ),
    **_of(Kind.VERSION, ((0x9000, "ExifVersion"), (0xA000, "FlashpixVersion"))),
    **_of(
        Kind.CODES,
        ((0x9101, "ComponentsConfiguration"), (0xA300, "FileSource"), (0xA301, "SceneType")),
    ),
    **_of(Kind.COMMENT, ((0x9286, "UserComment"),)),
    **_of(
        Kind.UTF16,
        (
            (0x9C9B, "XPTitle"), (0x9C9C, "XPComment"), (0x9C9D, "XPAuthor"),
            (0x9C9E, "XPKeywords"), (0x9C9F, "XPSubject"),
        ),
    ),
}  # fmt: skip
"""Name and kind of each tag that is told, by its number in IFD0 or the Exif IFD."""

DATE_PARTS = {0x0132: (0x9290, 0x9010), 0x9003: (0x9291, 0x9011), 0x9004: (0x9292, 0x9012)}
"""Of each date, the tags of its fraction of a second and of its offset from UTC."""
