"""Names why a request is refused, by the codes of TensorFlow and the statuses of HTTP for them."""

from enum import IntEnum


class Code(IntEnum):
    """Lists the codes of TensorFlow's errors: google/rpc/code.proto."""

    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


# ToHTTPStatusCode in tensorflow_serving/model_servers/http_server.cc; all others are 500.
_HTTP = {
    Code.CANCELLED: 499,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.UNAUTHENTICATED: 401,
}


class Refused(Exception):
    """Holds why a request is not answered, in one line."""

    def __init__(self, message: str, code: Code = Code.INVALID_ARGUMENT):
        super().__init__(message)
        self.code = code

    @property
    def http_status(self) -> int:
        """Returns the status of HTTP that TensorFlow Serving gives for the code."""
        return _HTTP.get(self.code, 500)
