from django.urls import URLPattern, path

from grading.views import adapters, annotations, artworks, board, bulk, people, sheet, words

app_name = "grading"
urlpatterns: list[URLPattern] = [
    path("", people.home, name="home"),
    path("classes/<uuid:code>/", people.classroom, name="classroom"),
    path("classes/<uuid:code>/assignments/new/", artworks.new_assignment, name="new-assignment"),
    path("assignments/<uuid:code>/", board.board, name="board"),
    path("assignments/<uuid:code>/progress/", board.progress, name="progress"),
    path("assignments/<uuid:code>/upload/", artworks.upload, name="upload"),
    path("assignments/<uuid:code>/match/", artworks.match, name="match"),
    path("assignments/<uuid:code>/sheet/", sheet.contact_sheet, name="sheet"),
    path("assignments/<uuid:code>/accept/", bulk.accept_drafts, name="accept"),
    path("accepted/<uuid:batch>/undo/", bulk.undo_accept, name="undo-accept"),
    path("artworks/<uuid:code>/match/", artworks.match_student, name="match-student"),
    path("artworks/<uuid:code>/try-again/", board.try_again, name="try-again"),
    path("artworks/<uuid:code>/replace/", board.replace, name="replace"),
    path("artworks/<uuid:code>/remove/", board.remove, name="remove"),
    path("artworks/<uuid:code>/restore/", board.restore, name="restore"),
    path("artworks/<uuid:code>/review/", annotations.review, name="review"),
    path("artworks/<uuid:code>/levels/<slug:dimension>/", annotations.level, name="level"),
    path("artworks/<uuid:code>/words/", annotations.words, name="words"),
    path("artworks/<uuid:code>/confirm/", annotations.confirm, name="confirm"),
    path("artworks/<uuid:code>/write-again/", words.write_words_again, name="write-again"),
    path("artworks/<uuid:code>/comments/", words.comments, name="comments"),
    path("artworks/<uuid:code>/take-draft/", words.take_draft, name="take-draft"),
    path("artworks/<uuid:code>/insert-comment/", words.insert_comment, name="insert-comment"),
    path("artworks/<uuid:code>/keep-words/", words.keep_words, name="keep-words"),
    path("artworks/<uuid:code>/forget-comment/", words.forget_comment, name="forget-comment"),
    path("models/", adapters.models, name="models"),
    path("pictures/<uuid:code>/<slug:version>/", artworks.picture_file, name="picture"),
]
