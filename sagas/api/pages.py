"""Pages: how long lists are given out."""

from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """Ids grow with time, so pages stay put while new rows come in."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
