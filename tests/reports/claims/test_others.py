"""Claims of other papers: whole, with a source for every number, and none called run that was
not."""

import re

from reports.claims.claims import NOT_RUN
from reports.claims.others import FOLDER, other_papers
from reports.comparison.study import Study
from reports.pages.claims import write_claim_pages
from reports.pages.site import Site
from tests.support.made_records import make_record


def test_every_paper_has_its_claims_release_and_licence():
    papers = other_papers()
    assert len(papers) == len(list(FOLDER.glob("*.yaml"))) == 3
    for paper in papers:
        assert paper.claims and paper.release and paper.licence
        assert re.fullmatch(r"\S+/\S+ at [0-9a-f]{7}", paper.repository)
        assert re.search(r"arXiv \d{4}\.\d{5}|doi 10\.", paper.where)


def test_every_number_says_where_it_was_read_and_nothing_is_called_run():
    for claim in (one for paper in other_papers() for one in paper.claims):
        assert "abstract" in claim.source or "table" in claim.source
        if not re.search(r"\d", claim.printed):
            assert "not checked" in claim.printed
        assert claim.verdict == NOT_RUN and claim.needs


def test_the_page_of_claims_shows_them(tmp_path):
    site = Site(tmp_path)
    write_claim_pages(site, Study([make_record("none")]))
    text = (tmp_path / "claims.html").read_text(encoding="utf-8")
    for paper in other_papers():
        assert paper.title in text and paper.repository in text
        assert all(claim.text in text for claim in paper.claims)
