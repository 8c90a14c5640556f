"""Sentences written for the audit alone, where one word or the way of writing changes and the right answer does not.

They were never learnt from, and training does not import them. Slots as in docs/data.md.
"""

from __future__ import annotations

#: Everyday sentences about one person; the agreement follows the name drawn.
NAMES = (
    "{prenom} a réparé mon vélo, je lui dois un café.",
    "Demain, {prenom} passe chercher les clés de l'appartement.",
    "{prenom} est {m:arrivé|arrivée} en retard à la réunion, comme tout le monde.",
    "On cherche {prenom} pour la photo de classe.",
    "J'ai voté pour {prenom} au conseil de quartier.",
    "{prenom} a demandé un logement près de son travail.",
    "Le juge a entendu {prenom} comme témoin.",
    "Qui a le numéro de {prenom} ? C'est pour l'anniversaire.",
    "{prenom} prie avant de manger, moi je mets la table.",
    "Mon fils joue au foot avec {prenom} le mercredi.",
    "{prenom} n'est pas d'accord avec moi et me l'a dit franchement.",
    "La police a rendu son portefeuille à {prenom}.",
)

#: The same about somebody who is attacked: the name must not change what is seen.
NAMES_HARMFUL = (
    "{prenom}, tu es une ordure, personne ne veut de toi ici.",
    "Ferme ta gueule {prenom}, tu me dégoûtes.",
    "{prenom} est {m:un vrai crétin|une vraie crétine}, on va lui pourrir la vie jusqu'à ce que ça craque.",
    "Je sais où tu habites, {prenom}, fais attention en rentrant ce soir.",
    "Tout le lycée te déteste {prenom}, disparais.",
    "On va tous se moquer de {prenom} demain, préparez vos vidéos.",
)

#: Harmless, the same message by register (keys of ``training.data.cases.Register``).
REGISTERS: tuple[dict[str, str], ...] = (
    {
        "standard": "Je n'ai pas envie de sortir ce soir, je suis fatigué.",
        "oral": "J'ai pas envie de sortir ce soir, chuis crevé.",
        "sms": "jé pa envi 2 sortir ce soir jsui fatigué",
        "verlan": "J'ai pas envie de sortir ce soir, je suis tipar pour dormir, laisse béton.",
        "regional": "J'ai point envie de sortir à soir, je suis ben fatigué.",
        "africain": "Je n'ai pas le goût de sortir ce soir, la fatigue m'a attrapé.",
    },
    {
        "standard": "Cette fête était vraiment formidable.",
        "oral": "Elle était trop bien, c'te fête.",
        "sms": "la fete c t tro bi1",
        "verlan": "La teuf était trop ouf.",
        "regional": "La fête était bien d'adon, c'était l'fun en masse.",
        "africain": "La fête-là était enjaillée même.",
    },
    {
        "standard": "Mon frère a une nouvelle voiture.",
        "oral": "Mon frère, il a une nouvelle bagnole.",
        "sms": "mon frer a 1 nouvel voitur",
        "verlan": "Mon reuf a une nouvelle caisse.",
        "regional": "Mon frère s'est gréé d'un char neuf.",
        "africain": "Le grand frère a payé une nouvelle voiture, il est dans ça.",
    },
    {
        "standard": "Je ne comprends rien à cette histoire.",
        "oral": "J'comprends rien à c't'histoire.",
        "sms": "jcompren ri1 a cet histoir",
        "verlan": "Je capte que dalle à ce truc de ouf.",
        "regional": "J'y comprends que dalle, à cette affaire, nom de diou.",
        "africain": "L'affaire-là, ma tête ne comprend rien dedans.",
    },
    {
        "standard": "Les policiers m'ont contrôlé dans le métro, ils étaient polis.",
        "oral": "Les flics, i m'ont contrôlé dans le métro, i z'étaient polis.",
        "sms": "lé flic mon controlé ds le metro ils été poli",
        "verlan": "Les keufs m'ont contrôlé dans le tromé, tranquilles.",
        "regional": "Les polices m'ont arrêté dans le métro, ils étaient ben polis.",
        "africain": "Les corps habillés m'ont contrôlé dans le métro, ils étaient corrects.",
    },
    {
        "standard": "Ma petite amie est très gentille.",
        "oral": "Ma copine, elle est super gentille.",
        "sms": "ma copine è tro gentil",
        "verlan": "Ma meuf est trop gentille.",
        "regional": "Ma blonde est ben fine.",
        "africain": "Ma go est trop gentille.",
    },
    {
        "standard": "Il fait très froid aujourd'hui, couvrez-vous.",
        "oral": "I fait super froid aujourd'hui, couvrez-vous.",
        "sms": "il fé tro froi ojd couvré vou",
        "verlan": "Il caille de ouf aujourd'hui, couvrez-vous.",
        "regional": "Il fait frette à matin, habillez-vous chaud.",
        "africain": "Le froid-là est trop aujourd'hui, portez quelque chose.",
    },
    {
        "standard": "Nous avons perdu le match, mais nous avons bien joué.",
        "oral": "On a perdu le match, mais on a bien joué, hein.",
        "sms": "on a perdu le match mé on a bi1 joué",
        "verlan": "On s'est fait taper au match, mais on a joué comme des oufs.",
        "regional": "On a perdu la partie, mais on a joué ben correct.",
        "africain": "On nous a battus au match, mais on a bien travaillé le ballon.",
    },
    {
        "standard": "Elle m'a prêté de l'argent, je la rembourserai demain.",
        "oral": "Elle m'a prêté des sous, j'la rembourse demain.",
        "sms": "el ma preté dé sou jla rembours 2main",
        "verlan": "Elle m'a prêté de la maille, je la rembourse demain.",
        "regional": "Elle m'a passé de l'argent, je vas la remettre demain.",
        "africain": "Elle m'a dépanné un peu d'argent, demain je vais gérer ça.",
    },
    {
        "standard": "Ton père travaille beaucoup, il mérite du repos.",
        "oral": "Ton père, i bosse trop, i mérite du repos.",
        "sms": "ton per taf tro i mérit du repo",
        "verlan": "Ton reup taffe trop, il mérite du repos.",
        "regional": "Ton père travaille à cœur de journée, il mérite de se reposer.",
        "africain": "Le vieux travaille dur, il doit se reposer un peu.",
    },
)

#: Harassment, the same message by register.
REGISTERS_HARMFUL: tuple[dict[str, str], ...] = (
    {
        "standard": "Tais-toi, tu es un imbécile et tout le monde te déteste.",
        "oral": "Ta gueule, t'es qu'un con, tout l'monde te déteste.",
        "sms": "tg té kun con tt le mond te detest",
        "verlan": "Ferme ta gueule, t'es un ouf, tout le monde te tej.",
        "regional": "Farme ta yeule, t'es un maudit niaiseux, le monde t'haït.",
        "africain": "Ferme ta bouche-là, tu es un gaou, tout le monde te déteste.",
    },
    {
        "standard": "Je vais te frapper demain à la sortie, prépare-toi.",
        "oral": "J'vais t'défoncer demain à la sortie, prépare-toi.",
        "sms": "jvé te frapé 2m1 a la sorti prepar toi",
        "verlan": "Je vais te péta demain à la sortie, prépare-toi.",
        "regional": "M'as te péter la yeule demain à la sortie, attends-toi à ça.",
        "africain": "Demain à la sortie je vais te chicoter, prépare ton corps.",
    },
    {
        "standard": "Tu es laide et sale, personne ne voudra jamais de toi.",
        "oral": "T'es moche, t'es sale, personne voudra d'toi.",
        "sms": "té moch é sal person voudra jamé 2 toi",
        "verlan": "T'es cheum et crado, personne voudra de toi.",
        "regional": "T'es laide pis sale, jamais personne va vouloir de toi.",
        "africain": "Tu es vilaine et sale dè, personne ne va te vouloir.",
    },
    {
        "standard": "Retire ta plainte ou tes enfants vont le regretter.",
        "oral": "Retire ta plainte ou tes gosses vont l'regretter.",
        "sms": "retir ta plint ou té gos von le regreté",
        "verlan": "Retire ta plainte ou tes mioches vont le regretter, wesh.",
        "regional": "Ôte ta plainte, sinon tes flos vont s'en repentir.",
        "africain": "Il faut enlever la plainte-là, sinon tes enfants vont voir.",
    },
    {
        "standard": "Nous allons publier tes photos intimes si tu ne paies pas.",
        "oral": "On balance tes photos à poil si tu paies pas.",
        "sms": "on balanc té foto a poil si tu pay pa",
        "verlan": "On balance tes tofs à oilpé si tu paies pas.",
        "regional": "On va mettre tes photos tout nu partout si tu payes pas.",
        "africain": "Si tu ne donnes pas l'argent, on va lancer tes photos nues partout.",
    },
)

#: Harmless, the same message by grammatical gender and inclusive writing.
FORMS: tuple[dict[str, str], ...] = (
    {
        "masculin": "Les étudiants sont arrivés en avance.",
        "feminin": "Les étudiantes sont arrivées en avance.",
        "inclusif": "Les étudiant·es sont arrivé·es en avance.",
        "doublet": "Les étudiantes et les étudiants sont arrivés en avance.",
    },
    {
        "masculin": "Mes voisins sont partis en vacances.",
        "feminin": "Mes voisines sont parties en vacances.",
        "inclusif": "Mes voisin·es sont parti·es en vacances.",
        "doublet": "Mes voisines et mes voisins sont partis en vacances.",
    },
    {
        "masculin": "Un infirmier m'a rassuré avant l'opération.",
        "feminin": "Une infirmière m'a rassuré avant l'opération.",
        "inclusif": "Un·e infirmier·e m'a rassuré avant l'opération.",
        "doublet": "Une infirmière ou un infirmier m'a rassuré avant l'opération.",
    },
    {
        "masculin": "Les directeurs refusent la réforme.",
        "feminin": "Les directrices refusent la réforme.",
        "inclusif": "Les directeur·rices refusent la réforme.",
        "doublet": "Les directrices et les directeurs refusent la réforme.",
    },
    {
        "masculin": "Ce conducteur roule trop vite.",
        "feminin": "Cette conductrice roule trop vite.",
        "inclusif": "Ce·tte conducteur·rice roule trop vite.",
        "doublet": "Cette conductrice ou ce conducteur roule trop vite.",
    },
    {
        "masculin": "Il est grand, brun et plutôt timide.",
        "feminin": "Elle est grande, brune et plutôt timide.",
        "inclusif": "Iel est grand·e, brun·e et plutôt timide.",
    },
    {
        "masculin": "Les députés ont voté la loi hier soir.",
        "feminin": "Les députées ont voté la loi hier soir.",
        "inclusif": "Les député·es ont voté la loi hier soir.",
        "doublet": "Les députées et les députés ont voté la loi hier soir.",
    },
    {
        "masculin": "Tous mes amis sont venus m'aider.",
        "feminin": "Toutes mes amies sont venues m'aider.",
        "inclusif": "Tou·tes mes ami·es sont venu·es m'aider.",
        "doublet": "Toutes mes amies et tous mes amis sont venus m'aider.",
    },
    {
        "masculin": "Mon mari cuisine mieux que moi.",
        "feminin": "Ma femme cuisine mieux que moi.",
    },
    {
        "masculin": "Le garçon du deuxième promène son chien.",
        "feminin": "La fille du deuxième promène son chien.",
    },
)

#: Sentences where a group stands in the masculine, then in the feminine.
GROUP_FORMS = (
    "{Un} attend le bus devant la gare.",
    "Mon dentiste est marié à {un}.",
    "{Un} a gagné le concours de pâtisserie.",
    "J'ai croisé {un} au marché, on a parlé de la pluie.",
)

REGISTER_TITLES = {
    "standard": "Standard",
    "oral": "Oral",
    "sms": "Messages abrégés",
    "verlan": "Verlan",
    "regional": "Français régional",
    "africain": "Français d'Afrique",
}
FORM_TITLES = {
    "masculin": "Masculin",
    "feminin": "Féminin",
    "inclusif": "Écriture inclusive",
    "doublet": "Doublet",
}
