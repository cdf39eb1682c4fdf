"""Files that come through a form: no larger than a report may be."""

from django.core.files.uploadhandler import FileUploadHandler, SkipFile

from .reports.limits import UPLOAD


class BoundedUpload(FileUploadHandler):
    """Drops a file once it is larger than any report may be; the others of the form are kept.

    It comes first, so that nothing is kept of the file from there on. The names are in
    ``too_large(request)``: to the form it is as if the file had not been sent.
    """

    most = UPLOAD

    def new_file(self, *args, **kwargs):
        super().new_file(*args, **kwargs)
        self.size = 0

    def receive_data_chunk(self, raw_data, start):
        self.size += len(raw_data)
        if self.size > self.most:
            self.request.too_large = [*too_large(self.request), self.file_name]
            raise SkipFile
        return raw_data

    def file_complete(self, file_size):
        return None  # the handlers after this one make the file


def too_large(request) -> list[str]:
    """The names of the files of this request that were dropped for their size."""
    return getattr(request, "too_large", [])
