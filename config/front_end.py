"""The few files of the front-end libraries that we serve, by name."""

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.checks import Error
from django.core.files.storage import FileSystemStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedFiles(CompressedManifestStaticFilesStorage):
    """Files named by their content; our own modules name so what they import.

    Django's `support_js_module_import_aggregation` would read every library's files too, and take
    an import in the comment of one for a file that we lack.
    """

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        (
            "waymark/*.js",
            (
                (
                    r"""(?P<matched>import(?s:(?P<names>\s\{.*?))\s*from\s*"(?P<url>\./.*?)"\s*;)""",
                    """import%(names)s from "%(url)s";""",
                ),
            ),
        ),
    )


class _NamedFiles(FileSystemStorage):
    """A storage of exactly the files in FRONT_END_FILES, under the names it gives them."""

    prefix = None

    def path(self, name):
        return str(settings.FRONT_END_FILES[name])


class NamedFilesFinder(BaseFinder):
    """Finds the files in the setting FRONT_END_FILES, a dict of address to path.

    A directory in STATICFILES_DIRS would publish all 60 files of a library, and every deployment
    would hash and compress them.
    """

    storage = _NamedFiles()

    def check(self, **kwargs):
        """Say which files are missing: `npm ci` has not run."""
        return [
            Error(
                f"{path} is missing.",
                hint="Run ./run, which installs the front-end libraries, or npm ci.",
                id="config.E001",
            )
            for path in settings.FRONT_END_FILES.values()
            if not path.is_file()
        ]

    def find(self, path, find_all=False, **kwargs):
        """Return the file's path, or a list of it if `find_all`; [] if we serve no such file."""
        named = settings.FRONT_END_FILES.get(path)
        if named is None or not named.is_file():
            return []
        return [str(named)] if find_all else str(named)

    def list(self, ignore_patterns):
        """Yield each address with the storage that opens it."""
        for name, path in settings.FRONT_END_FILES.items():
            if path.is_file():
                yield name, self.storage
