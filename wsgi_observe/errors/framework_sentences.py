"""Default sentences of frameworks in error responses, which no author of an app has written.

A test compares them with the frameworks themselves. A sentence that is missing here, of another
version for example, is taken for the author's and kept.
"""

from __future__ import annotations

SENTENCES = frozenset(
    {
        # Werkzeug, Flask
        "The browser (or proxy) sent a request that this server could not understand.",
        (
            "The server could not verify that you are authorized to access the URL requested. "
            "You either supplied the wrong credentials (e.g. a bad password), or your browser "
            "doesn't understand how to supply the credentials required."
        ),
        (
            "You don't have the permission to access the requested resource. It is either "
            "read-protected or not readable by the server."
        ),
        (
            "The requested URL was not found on the server. If you entered the URL manually "
            "please check your spelling and try again."
        ),
        "The method is not allowed for the requested URL.",
        (
            "The resource identified by the request is only capable of generating response "
            "entities which have content characteristics not acceptable according to the accept"
            " headers sent in the request."
        ),
        (
            "The server closed the network connection because the browser didn't finish the "
            "request within the specified time."
        ),
        (
            "A conflict happened while processing the request. The resource might have been "
            "modified while the request was being processed."
        ),
        (
            "The requested URL is no longer available on this server and there is no forwarding"
            " address. If you followed a link from a foreign page, please contact the author of"
            " this page."
        ),
        "A request with this method requires a valid <code>Content-Length</code> header.",
        "The precondition on the request for the URL failed positive evaluation.",
        "The data value transmitted exceeds the capacity limit.",
        (
            "The length of the requested URL exceeds the capacity limit for this server. The "
            "request cannot be processed."
        ),
        "The server does not support the media type transmitted in the request.",
        "The server cannot provide the requested range.",
        "The server could not meet the requirements of the Expect header",
        "This server is a teapot, not a coffee machine",
        "The server is not able to produce a response.",
        "The request was well-formed but was unable to be followed due to semantic errors.",
        "The resource that is being accessed is locked.",
        (
            "The method could not be performed on the resource because the requested action "
            "depended on another action and that action failed."
        ),
        (
            'This request is required to be conditional; try using "If-Match" or '
            '"If-Unmodified-Since".'
        ),
        "This user has exceeded an allotted request count. Try again later.",
        "One or more header fields exceeds the maximum size.",
        "Unavailable for legal reasons.",
        (
            "The server encountered an internal error and was unable to complete your request. "
            "Either the server is overloaded or there is an error in the application."
        ),
        "The server does not support the action requested by the browser.",
        "The proxy server received an invalid response from an upstream server.",
        (
            "The server is temporarily unable to service your request due to maintenance "
            "downtime or capacity problems. Please try again later."
        ),
        "The connection to an upstream server timed out.",
        "The server does not support the HTTP protocol version used in the request.",
        # WebOb, Pyramid
        (
            "The server could not comply with the request since it is either malformed or "
            "otherwise incorrect."
        ),
        (
            "This server could not verify that you are authorized to access the document you "
            "requested. Either you supplied the wrong credentials (e.g., bad password), or your"
            " browser does not understand how to supply the credentials required."
        ),
        "Access was denied for financial reasons.",
        "Access was denied to this resource.",
        "The resource could not be found.",
        "Authentication with a local proxy is needed.",
        "The server has waited too long for the request to be sent by the client.",
        "There was a conflict when trying to complete your request.",
        "This resource is no longer available. No forwarding address is given.",
        "Content-Length header required.",
        "Request precondition failed.",
        "The body of your request was too large for this server.",
        "The request URI was too long for this server.",
        "The Range requested is not available.",
        "Expectation failed.",
        "Unable to process the contained instructions",
        "The resource is locked",
        (
            "The method could not be performed because the requested action dependended on "
            "another action and that action failed"
        ),
        "This request is required to be conditional",
        "The client has sent too many requests in a given amount of time",
        "The request header fields were too large",
        "The resource is not available due to legal reasons.",
        "The server has either erred or is incapable of performing the requested operation.",
        "Bad gateway.",
        "The server is currently unavailable. Please try again at a later time.",
        "The gateway has timed out.",
        "The HTTP version is not supported.",
        "There was not enough space to save the resource",
        "Network authentication is required",
        "Refusing to brew coffee because I'm a teapot.",
        "The origin server requires the request to be conditional.",
        ("The action could not be performed because there were too many requests by the client."),
        "The requests header fields were too large.",
        # Django
        "The requested resource was not found on this server.",
        # Bottle
        "Access denied",
        "Access denied.",
        "File does not exist.",
        "Internal Server Error",
        "Method not allowed.",
        "Request entity too large",
        "Requested Range Not Satisfiable",
        "Unhandled exception",
        "Unknown Error.",
        "You do not have permission to access this file.",
        # CherryPy, beside those of `http.HTTPStatus`
        (
            "The server encountered an unexpected condition which prevented it from fulfilling "
            "the request."
        ),
        (
            "The server is currently unable to handle the request due to a temporary overloading "
            "or maintenance of the server."
        ),
    }
)
"""With single spaces between their words."""

TEMPLATES = r"""(?x)
    # Bottle, which also names the type of what a view returned
    Not\ found:\ ['"]/
  | Unsupported\ response\ type:\ <
    # CherryPy
  | The\ path\ '[^']*'\ was\ not\ found\.\Z
    # Flask, in debug mode
  | KeyError:[ ]
    # WebOb, Pyramid, whose details also name views, and contexts in its debug modes
  | The\ method\ \S+\ is\ not\ allowed\ for\ this\ resource\.\Z
  | The\ request\ method\ \S+\ is\ not\ implemented\ for\ this\ server\.\Z
  | The\ request\ media\ type\ .*\ is\ not\ supported\ by\ this\ server\.\Z
  | The\ resource\ could\ not\ be\ generated\ that\ was\ acceptable\ to\ your\ browser\b
  | Unauthorized:\ .*\ failed\ permission\ check\Z
  | (?:debug_notfound|debug_authorization)\ of\ url[ ]
  | predicate\ mismatch\ for\ view[ ]
"""
"""Regular expression for sentences that name something of the request or of the app."""
