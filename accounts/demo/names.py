"""Names for people who do not exist: given and family names, put together by arithmetic.

Each pair of lists is a handful of names that are at home together somewhere in Britain. A name
that some real person bears is chance: every person made of them is marked as invented.
"""

from collections.abc import Iterator
from itertools import count

NAMES = [
    (
        "Alison Martin Joanne Stephen Rachel Philip Claire Nigel Hannah Robert Judith Simon Laura "
        "Adrian Emma Geoffrey Victoria Timothy Katherine Duncan Beth Julian Susan Neil Amy",
        "Ackroyd Birtwhistle Cresswell Dunthorne Everley Farnaby Garside Hesketh Inchbald Jessop "
        "Kitching Lightfoot Mossley Nettleton Oldroyd Pickersgill Rowntree Sallis Thistleton "
        "Uttley Verrall Wolstenholme Yardley Ashby Bulmer Copley Dinsdale Elstob Fothergill",
    ),
    (
        "Priya Arjun Sunita Vikram Anjali Rohan Kavita Nikhil Deepa Sanjay Leela Harish Manisha",
        "Bhandari Chauhan Desai Ganatra Iyer Joshi Kulkarni Lakhani Menon Parmar Raval Sethi "
        "Trivedi Varma",
    ),
    (
        "Ayesha Imran Sana Bilal Nadia Usman Farah Hamza Rabia Tariq Zainab Kashif",
        "Anwar Butt Cheema Durrani Ghani Hafeez Javed Khokhar Lodhi Mirza Qureshi Siddiqui Zaman",
    ),
    (
        "Siân Huw Angharad Emyr Mair Geraint Nerys Alun Catrin Iestyn",
        "Beynon Cadwallader Eynon Gethin Howells Llewelyn Meredith Parry Tudor Vaughan Yorath",
    ),
    (
        "Fiona Hamish Kirsty Ruaridh Morag Struan Catriona Lachlan Shona Fergus",
        "Abernethy Buchan Carmichael Dalgleish Erskine Farquhar Galbraith Kinnaird Lockhart "
        "Menzies Urquhart",
    ),
    (
        "Chioma Emeka Folasade Kofi Abena Segun Nneka Yaw Temitope Chidi Adwoa Babatunde",
        "Achebe Bankole Coker Danquah Ekwueme Frimpong Idowu Kuffour Lawal Mensah Nwosu Owusu "
        "Quaye",
    ),
    (
        "Siobhan Declan Orla Cormac Roisin Eamonn Grainne Padraig Sinead Conall",
        "Brannigan Costello Devlin Fennelly Geraghty Hanratty Keogh Lavelle McGuigan Noonan "
        "Rafferty Tierney",
    ),
    (
        "Agnieszka Pawel Katarzyna Marek Ewa Tomasz Ioana Andrei Elena Nikos Sofia Dimitri",
        "Borowska Cieslak Dobrescu Georgiou Jankowiak Kaminska Lazarescu Markou Nowicka "
        "Pappas Stanciu Wronska",
    ),
    (
        "Mei Wai Grace Jun Ling Kenneth Yuki Minh Linh Jason Hui Adrian",
        "Cheung Fong Ho Kwan Leung Mak Ng Pang Siu Tran Wan Yeung",
    ),
    (
        "Marcia Delroy Yvonne Winston Sharon Leroy Beverley Errol Paulette Clive",
        "Blackwood Cargill Dacres Fearon Gayle Henriques Lindo McFarlane Pinnock Salmon Wray",
    ),
]
# How often each list is drawn from in a round: the first as often as four of the others.
ROUND = [0, 1, 0, 2, 0, 3, 5, 0, 4, 6, 7, 0, 8, 9]


def names() -> Iterator[tuple[str, str]]:
    """Yield (given name, family name) for ever until the lists are used up; none twice."""
    lists = [(given.split(), family.split()) for given, family in NAMES]
    drawn = [0] * len(lists)
    seen = set()
    for turn in count():
        which = ROUND[turn % len(ROUND)]
        given, family = lists[which]
        if drawn[which] == len(given) * len(family):
            return
        # A step of the family name each time, and one more each time the given names come round:
        # neighbours in a list of people share neither.
        i = drawn[which]
        drawn[which] += 1
        name = given[i % len(given)], family[(i + i // len(given)) % len(family)]
        if name not in seen:
            seen.add(name)
            yield name
